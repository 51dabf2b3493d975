"""Encodes or decodes stories with the hpack package: one JSON object a line in, one a line out.

A story is one compression context. {"op": "encode", "table": BYTES, "blocks": [{"fields": [[NAME, VALUE, NEVER], ...],
"huffman": BOOL, "table": BYTES or null}, ...]} gives {"blocks": [HEX, ...]}; {"op": "decode", "table": BYTES,
"blocks": [{"hex": HEX, "table": BYTES or null}, ...]} gives {"blocks": [[[NAME, VALUE], ...], ...]}. The table of a
story is what the decoder allows from the start; that of a block takes effect before it. Latin-1 carries any bytes.
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
        if block["table"] is not None:
            encoder.header_table_size = block["table"]
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
        if block["table"] is not None:
            decoder.max_allowed_table_size = block["table"]
        fields = decoder.decode(bytes.fromhex(block["hex"]), raw=True)
        blocks.append([[name.decode("latin-1"), value.decode("latin-1")] for name, value in fields])
    return blocks


for line in sys.stdin:
    request = json.loads(line)
    answer = {"encode": encode, "decode": decode}[request["op"]](request)
    print(json.dumps({"blocks": answer}))
