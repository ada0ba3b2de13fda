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
``log``         what outsiders hold the registry to
``attestations`` who vouches for a version, and what was found wrong with it
``schemas``     what is no verb's, with ``listing_schemas`` and ``uploads_schemas``
"""
