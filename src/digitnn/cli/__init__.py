"""The command line: one thin function a command, one file a group of commands."""
