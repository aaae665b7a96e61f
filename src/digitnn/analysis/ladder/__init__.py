"""From the nearest mean to the best network: what each step up costs, and what it brings."""
