"""zoopose: pose of animals nobody has labelled."""

__version__ = "0.1.0"
