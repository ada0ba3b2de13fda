"""A registry root in this process's memory: the simulator that tests run against."""
