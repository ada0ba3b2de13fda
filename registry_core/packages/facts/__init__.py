"""What a file's bytes say of it, read without running anything: above all whether loading it runs code.

Pure over a reader of bounded bytes, by the standard library alone. Nothing in a file makes any of this fail: what
cannot be read is a fact too.

``of_package`` judges all files of a package, ``judge`` one of them as all that it may be: ``safetensors``, ``gguf``,
``onnx``, ``npy``, ``archives`` (a zip, by its ``zip_directory``), ``binaries``, ``texts`` (with ``json_text``), what is
code by its name (``names``), and always ``as_pickles``. Of those ``stack_machine`` follows one by ``opcodes``, and
``constructors`` is the list of what one may name. Below them: ``file_bytes``, ``bounds`` and ``load``.
"""
