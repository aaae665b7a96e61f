"""Finding and downloading collections: folders, the cache, mirrors, package archives."""
