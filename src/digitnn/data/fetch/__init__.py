"""Where data sets come from: a folder, the cache, mirrors, package archives; all verified."""
