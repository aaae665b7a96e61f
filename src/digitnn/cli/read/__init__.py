"""`digitnn read`: its options, its inputs, its work in threads, its output."""
