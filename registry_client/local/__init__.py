"""What lies on this machine: files that are whole or not there, and a cache whose bytes are proven before use."""
