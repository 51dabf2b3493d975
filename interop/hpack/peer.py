"""Encodes or decodes stories with the hpack package: one JSON object a line in, one a line out.

A story is one compression context. {"op": "encode", "table": BYTES, "blocks": [{"fields": [[NAME, VALUE, NEVER], ...],
"huffman": BOOL, "tables": [BYTES, ...]}, ...]} gives {"blocks": [HEX, ...]}; {"op": "decode", "table": BYTES,
"never": [NAME, ...], "blocks": [{"hex": HEX, "tables": [BYTES, ...]}, ...]} gives {"blocks": [[[NAME, VALUE], ...],
...]}. The table of a story is what the decoder allows from the start; those of a block take effect before it, in turn.
Fields that are named in "never" must be marked as never indexed. Latin-1 carries any bytes.
"""

import json
import sys

from hpack import Decoder, Encoder, HeaderTuple, NeverIndexedHeaderTuple


def encode(story):
    encoder = Encoder()
    if story["table"] != 4096:
        encoder.header_table_size = story["table"]
    blocks = []
    for block in story["blocks"]:
        for size in block["tables"]:
            encoder.header_table_size = size
        fields = [
            (NeverIndexedHeaderTuple if never else HeaderTuple)(name.encode("latin-1"), value.encode("latin-1"))
            for name, value, never in block["fields"]
        ]
        blocks.append(encoder.encode(fields, huffman=block["huffman"]).hex())
    return blocks


def decode(story):
    decoder = Decoder(max_header_list_size=1 << 24)
    decoder.max_allowed_table_size = story["table"]
    blocks = []
    for block in story["blocks"]:
        for size in block["tables"]:
            decoder.max_allowed_table_size = size
        fields = decoder.decode(bytes.fromhex(block["hex"]), raw=True)
        for field in fields:
            # An empty value gives nothing away: it is in the static table.
            if field.indexable and field[1] and field[0].decode("latin-1") in story["never"]:
                raise ValueError(f"{field} is not marked as never indexed")
        blocks.append([[name.decode("latin-1"), value.decode("latin-1")] for name, value in fields])
    return blocks


for line in sys.stdin:
    request = json.loads(line)
    answer = {"encode": encode, "decode": decode}[request["op"]](request)
    print(json.dumps({"blocks": answer}))
