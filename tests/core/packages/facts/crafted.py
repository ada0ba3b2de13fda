"""Pickles, byte for byte: such as honest programs write, and such as pass by those who look for bad names.

None is ever loaded; whatever a hostile one names does no harm by being named.
"""

from __future__ import annotations

_PLAIN_DTYPE = b"(K\x03\x8c\x01<\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94b"
_ARRAY_4 = (
    b"\x8c\x16numpy._core.multiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94"
)


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def framed(pickle: bytes) -> bytes:
    return b"\x80\x04\x95" + len(pickle).to_bytes(8, "little") + pickle


HONEST = {
    "numbers": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02K\x03e.",
    "a_dictionary_of_protocol_0": b"(dp0\nVa\np1\nI1\nsVb\np2\nL99999999999999999999L\nsVc\nF0.5\ns.",
    "an_ordered_dictionary": b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x01\x00\x00\x00aq\x02K\x01s.",
    "one_with_attributes": b"\x80\x02ccollections\nOrderedDict\n)R}X\x09\x00\x00\x00_metadata}sb.",
    "a_set_of_protocol_2": b"\x80\x02c__builtin__\nset\nq\x00]q\x01(K\x01K\x02e\x85q\x02Rq\x03.",
    "bytes_of_protocol_2": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00bX\x06\x00\x00\x00latin1\x86R.",
    "an_array_of_protocol_2": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02"
    b"c_codecs\nencode\nq\x03X\x01\x00\x00\x00bq\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\x07\x87q\x08Rq\t(K\x01K\x03"
    b"\x85q\ncnumpy\ndtype\nq\x0bX\x02\x00\x00\x00i4q\x0c\x89\x88\x87q\rRq\x0e(K\x03X\x01\x00\x00\x00<q\x0fNNNJ\xff"
    b"\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x10b\x89h\x03X\x02\x00\x00\x00\x00\x01q\x11h\x05\x86q\x12Rq\x13tq\x14b.",
    "an_array_of_protocol_4": framed(
        _ARRAY_4
        + b"K\x00\x85\x94C\x01b\x94\x87\x94R\x94(K\x01K\x03\x85\x94h\x03\x8c\x05dtype\x94\x93\x94\x8c\x02f4\x94"
        b"\x89\x88\x87\x94R\x94" + _PLAIN_DTYPE + b"\x89C\x0c\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00@\x94t\x94b."
    ),
    "an_array_of_protocol_5": b"\x80\x05\x8c\x13numpy._core.numeric\x94\x8c\x0b_frombuffer\x94\x93\x94(\x96\x04\x00\x00"
    b"\x00\x00\x00\x00\x00\x00\x00\x80?\x94\x8c\x05numpy\x94\x8c\x05dtype\x94\x93\x94\x8c\x02f4\x94\x89\x88\x87\x94R\x94"
    + _PLAIN_DTYPE
    + b"K\x01\x85\x94\x8c\x01C\x94t\x94R\x94.",
    "an_array_of_objects": framed(
        _ARRAY_4
        + b"K\x00\x85\x94C\x01b\x94\x87\x94R\x94(K\x01K\x02\x85\x94h\x03\x8c\x05dtype\x94\x93\x94\x8c\x02O8\x94"
        b"\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?t\x94b\x89]\x94(N\x8c\x01x\x94et"
        b"\x94b."
    ),
    "a_number_of_numpy": framed(
        b"\x8c\x15numpy.core.multiarray\x94\x8c\x06scalar\x94\x93\x94\x8c\x05numpy\x94\x8c\x05dtype\x94\x93\x94\x8c\x02f8"
        b"\x94\x89\x88\x87\x94R\x94" + _PLAIN_DTYPE + b"C\x08\x00\x00\x00\x00\x00\x00\xf8?\x94\x86\x94R\x94."
    ),
    "a_tensor": b"\x80\x02}q\x00X\x01\x00\x00\x00wq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00"
    b"storageq\x03ctorch\nFloatStorage\nq\x04X\x01\x00\x00\x000q\x05X\x03\x00\x00\x00cpuq\x06K\x02tq\x07QK\x00K\x02\x85q"
    b"\x08K\x01\x85q\t\x89ccollections\nOrderedDict\nq\n)Rq\x0btq\x0cRq\rs.",
}
LEGACY_TORCH = (
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\x00X\x0d\x00\x00\x00little_endianq\x01\x88s."
    + HONEST["a_tensor"]
    + b"\x80\x02]q\x00X\x01\x00\x00\x000q\x01a."
    + b"\x02\x00\x00\x00\x00\x00\x00\x00"
    + b"\x00\x00\x80?\x00\x00\x00@"
)

SYSTEM = b"cos\nsystem\n(S'true'\ntR."
# Unpicklers read these numbers, and go on.
ODD_NUMBERS = {
    "hexadecimals": b"I0x10\n0L0x10L\n0",
    "an_octal": b"I010\n0",
    "a_zero_of_no_digits": b"I\0\n0",
    "numbers_that_end_early": b"I5\0x\n0L5\0x\n0F1.0\0x\n0I1\np5\0x\n0g5\0x\n0",
    "numbers_after_many_spaces": b"".join(kind + b" " * 5000 + b"5\n0" for kind in (b"I", b"L", b"F")),
    "a_place_after_many_spaces": b"I1\np" + b" " * 5000 + b"5\n0",
    "a_place_sought_after_many_spaces": b"I1\np5\n0g" + b" " * 5000 + b"5\n0",
    "a_place_of_many_digits": b"I1\np" + b"9" * 4100 + b"\n0g" + b"9" * 4100 + b"\n0",
}
HOSTILE = {
    "a_plain_one": SYSTEM,
    **{f"behind_{name}": prefix + SYSTEM for name, prefix in ODD_NUMBERS.items()},
    "behind_the_import_of_a_directory": b"cbin-2\n__name__\n0cmy data\n__name__\n0" + SYSTEM,
    "by_importlib": b"\x80\x04cimportlib\nimport_module\n\x8c\x02os\x85R.",
    "by_the_builtins_of_numpy": b"\x80\x04" + text("numpy.core") + text("__builtins__") + b"\x93.",
    "by_the_builtins_of_a_listed_class": b"\x80\x04" + text("collections") + text("OrderedDict.__init__") + b"\x93.",
    "by_a_process_that_few_know": b"\x80\x04c_posixsubprocess\nfork_exec\n)R.",
    "by_spawnv_passfds": b"\x80\x04cmultiprocessing.util\nspawnv_passfds\n(\x8c\x04true]]tR.",
    "broken_after_its_payload": SYSTEM[:-1] + b"\xff\xff\xff",
    "ended_after_its_payload": SYSTEM[:-1],
    "ended_within_its_name": b"cos\nsystem",
    "a_global_alone": b"cantigravity\nx\n.",
    "a_package_that_is_imported_on_the_way": b"cantigravity. \nx\n.",
    "a_second_one_behind_the_first": HONEST["numbers"] + SYSTEM,
    "a_third_one": HONEST["numbers"] + HONEST["an_ordered_dictionary"] + SYSTEM,
    "one_behind_the_numbers_of_torch": LEGACY_TORCH[:-16] + SYSTEM,
    "by_the_memo": b"\x80\x04\x8c\x06system\x94\x8c\x02os\x940" + b"0h\x01h\x00\x93\x8c\x04true\x85R.",
    "by_a_memo_that_is_written_twice": b"\x80\x02X\x0b\x00\x00\x00collectionsq\x05X\x02\x00\x00\x00osq\x0500h\x05"
    b"X\x06\x00\x00\x00system\x93.",
    "by_a_memo_of_decimal_places": b"S'os'\np1000000007\n0g1000000007\n\x8c\x06system\x93.",
    "by_copies_and_drops": b"\x80\x04" + text("os") + b"2" + text("x") + b"0(K\x01" + b"1" + text("system") + b"\x93.",
    "by_escapes": b"\x80\x04S'\\x6fs'\n" + text("system") + b"\x93.",
    "by_escapes_of_unicode": b"\x80\x04V\\u006fs\n" + text("system") + b"\x93.",
    "by_a_computed_name": b"\x80\x04"
    + text("os")
    + b"c_codecs\nencode\n"
    + text("system")
    + text("latin1")
    + b"\x86R\x93.",
    "by_a_name_out_of_a_tuple": b"\x80\x04" + text("os") + text("system") + b"\x85\x93.",
    "by_a_text_that_is_too_long": b"\x80\x04X\x00\x20\x00\x00" + b"o" * 0x2000 + text("system") + b"\x93.",
    "by_INST": b"(S'true'\nios\nsystem\n.",
    "by_INST_without_arguments": b"(iantigravity\nx\n.",
    "by_OBJ": b"(cos\nsystem\nS'true'\no.",
    "by_NEWOBJ": b"\x80\x02cargparse\nNamespace\n)\x81}b.",
    "by_NEWOBJ_EX": b"\x80\x04" + text("argparse") + text("Namespace") + b"\x93)}\x92.",
    "by_an_extension_code": b"\x80\x02\x82\x05.",
    "by_an_extension_code_at_first": b"\x82\x05.",
    "by_a_long_extension_code_that_is_called": b"\x84\x05\x00\x00\x00)R",
    "by_the_state_of_a_class": b"\x80\x02ccollections\nOrderedDict\nN}X\x01\x00\x00\x00xK\x01s\x86b.",
    "by_the_state_of_what_the_reader_gives": b"\x80\x02K\x01Q}b.",
    "by_calling_what_the_reader_gives": b"\x80\x02K\x01Q)R.",
    "by_calling_what_was_made": b"\x80\x02ccollections\nOrderedDict\n)R)R.",
    "by_bytes_that_torch_loads": b"\x80\x02ctorch.storage\n_load_from_bytes\nC\x01x\x85R.",
    "by_partial": b"\x80\x02cfunctools\npartial\n)R.",
    "by_attrgetter": b"\x80\x02coperator\nattrgetter\n)R.",
    "by_a_function_of_builtins": b"\x80\x02c__builtin__\neval\n)R.",
    "by_getattr": b"\x80\x04cbuiltins\ngetattr\n)R.",
    "by_a_code_object": b"\x80\x04ctypes\nCodeType\n)R.",
    "by_joblib": b"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81.",
    "by_a_class_of_any_base": b"\x80\x02ccopy_reg\n_reconstructor\n)R.",
    "by_another_codec": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00bX\x05\x00\x00\x00hex_c\x86R.",
    "by_an_array_over_addresses": b"\x80\x04cnumpy\nndarray\nK\x01\x85\x8c\x01OC\x08AAAAAAAA\x87R.",
    "by_a_dtype_that_denies_its_objects": b"\x80\x04cnumpy\ndtype\n\x8c\x02O8\x89\x88\x87R"
    b"(K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.",
    "by_a_dtype_that_claims_objects": b"\x80\x04cnumpy\ndtype\n\x8c\x02i8\x89\x88\x87R"
    b"(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb.",
    "by_a_dtype_of_an_object": b"\x80\x04cnumpy\ndtype\nccollections\nOrderedDict\n\x85R.",
    "a_name_that_is_bad_only_in_its_module": b"cwebbrowser\nOrderedDict\n.",
    "in_the_middle_of_large_bytes": b"\x80\x03B\x00\x00\x10\x00" + bytes(0x100000) + SYSTEM,
}
# Nothing imports anything of them.
NO_PICKLES = {
    "nothing": b"",
    "a_sentence": b"cats and dogs\nare what it tells apart\n",
    "a_table": b"cell,type\n1,B\n",
    "a_licence": b"(c) 2026 the authors\n",
    "an_opcode_that_is_none": b"\x80\x04\xff",
    "a_later_protocol": b"\x80\x09N.",
    "a_call_of_nothing": b"R.",
    "a_name_of_nothing": b"\x93.",
    "nothing_in_the_memo": b"\x80\x04h\x05.",
    "a_place_before_the_memo": b"Np-1\n.",
    "no_mark": b"\x80\x04Nt.",
    "below_the_mark": b"\x80\x04N(\x85.",
    "an_extension_code_and_no_more": b"\x82\x05\x00",
    "a_length_beyond_the_end": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.",
    "a_length_below_nothing": b"\x80\x02T\xff\xff\xff\xff.",
    "a_text_that_is_none": b"\x80\x04\x8c\x02\xff\xff.",
    "a_number_that_is_none": b"Ix\n.",
}
