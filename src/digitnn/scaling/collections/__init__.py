"""`digitnn read-collection`: read millions of pictures, from folders, Parquet, tars and buckets.

    inputs -> sources -> shards of some hundred pictures -> workers -> a Parquet file a shard

A shard is done when its file has been renamed into the output folder. The files of a job depend on
its inputs and options alone: neither on the engine nor on the workers, nor on when it was killed.
"""
