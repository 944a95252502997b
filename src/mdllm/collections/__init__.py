"""Many proteins from many sources: read into shards of backbones, clustered by sequence, split, and read again."""
