"""What `import zoopose` gives over the commands: `train`, `adapt`, `score`, typed functions with the options of the commands."""
