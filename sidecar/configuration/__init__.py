"""From a YAML file and the environment to frozen settings, or to every problem at once."""
