"""The HTTP interface below /v1: load, call one verb of the core, dump. No rule of the registry is decided here.

``access`` says who calls and what they may do, ``rules`` whose word counts and what an alias needs, ``signing_in`` how
a browser does; ``registry`` has versions, ``aliases`` and ``governing`` what changes about them, ``looking`` what was,
``runs`` what trainings log, ``listing`` and ``whole_list`` the whole registry, ``files`` and ``folders`` bytes;
``uploads`` take files in by ``tus``; ``operations`` are long calls, ``health`` how the service is. ``schemas``,
``listing_schemas`` and ``uploads_schemas`` are what is no verb's.
``facts`` tells what the files of versions are.
"""
