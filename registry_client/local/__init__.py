"""What lies on this machine: files that are whole or not there, and a cache whose bytes are proven before use.

``files`` writes and holds them, ``cache`` shares them, ``parallel`` moves several at once, ``settings`` says where;
``credentials`` keeps tokens.
"""
