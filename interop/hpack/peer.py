"""Python's hpack as a peer: reads {"encode": [[[name, value], ...], ...], "table": N} or {"decode": [hex, ...], "table": N}
from standard input and writes what came of it as JSON. The blocks of a call share a table of N bytes."""

import json
import sys

from hpack import Decoder, Encoder

task = json.load(sys.stdin)
table = task["table"]
if "encode" in task:
    encoder = Encoder()
    encoder.header_table_size = table
    # Every second list without Huffman code, so that both forms of strings are there.
    blocks = [encoder.encode(fields, huffman=index % 2 == 0).hex() for index, fields in enumerate(task["encode"])]
    json.dump(blocks, sys.stdout)
else:
    decoder = Decoder(max_header_list_size=2**24)
    decoder.max_allowed_table_size = table
    lists = [decoder.decode(bytes.fromhex(block), raw=True) for block in task["decode"]]
    json.dump([[[name.decode("latin1"), value.decode("latin1")] for name, value in fields] for fields in lists], sys.stdout)
