"""The HTTP interface below /v1: load, call one verb of the core, dump. No rule of the registry is decided here.

``access``      who calls and what they may do; ``signing_in`` how a browser says so
``registry``    versions
``aliases``     what they name, ``governing`` what changes about versions, ``looking`` what was
``runs``        what trainings log
``listing``     the whole registry, with ``whole_list``
``files``       bytes, ``folders`` many of them
``uploads``     take files in by ``tus``
``operations``  long calls
``health``      how the service is
``rules``       whose word counts and what an alias needs
``facts``       what the files of versions are
``attestations`` who vouches for a version, and what was found wrong with it
``schemas``     what is no verb's, with ``listing_schemas`` and ``uploads_schemas``
``access`` says who calls and what they may do, ``rules`` whose word counts and what an alias needs, ``signing_in`` how
a browser does; ``registry`` has versions, ``aliases`` and ``governing`` what changes about them, ``looking`` what was,
``runs`` what trainings log, ``listing`` and ``whole_list`` the whole registry, ``files`` and ``folders`` bytes;
``uploads`` take files in by ``tus``; ``log`` is for outsiders; ``operations`` are long calls, ``health`` how the
service is. ``schemas``, ``listing_schemas`` and ``uploads_schemas`` are what is no verb's.
"""
