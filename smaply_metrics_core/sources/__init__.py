"""Discovery, loading, validation and isolation of sources."""
