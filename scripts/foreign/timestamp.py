#!/usr/bin/env python3
"""A checkpoint existed before a time: PyPI's rfc3161-client.

    scripts/foreign/timestamp.py TRUST.json ANCHORED.json ROOT.pem [DIR]

ROOT.pem: certificates of the authority that the checker trusts. What is stamped is the checkpoint's text. With DIR,
text and response are left there as text and response.tsr, for `openssl ts -verify`.
"""
import sys
from pathlib import Path

import rfc3161_client
from cryptography import x509

import notes


def check(trust, fact, roots):
    """The response is over this text, under one of the roots. Gives its time."""
    trust.checkpoint(fact["checkpoint"])
    response = rfc3161_client.decode_timestamp_response(bytes.fromhex(fact["evidence"]["time_stamp"]["response"]))
    builder = rfc3161_client.VerifierBuilder(roots=list(roots))
    builder.build().verify_message(response, text_of(fact).encode())
    return response.tst_info.gen_time


def text_of(fact):
    """What is stamped: the checkpoint without its signatures."""
    return fact["checkpoint"].rpartition("\n\n")[0] + "\n"


def main():
    """Checks a proof, and damaged copies of it."""
    trust, fact = notes.Trust(sys.argv[1]), notes.read_fact(sys.argv[2])
    roots = x509.load_pem_x509_certificates(Path(sys.argv[3]).read_bytes())
    check(trust, fact, roots)
    response = fact["evidence"]["time_stamp"]["response"]
    forged = {"evidence": {"time_stamp": {"response": notes.flipped(response)}}}
    notes.must_refuse(lambda: check(trust, {**fact, **forged}, roots), "a bit of the response flipped")
    another = {"checkpoint": fact["checkpoint"].replace("\n", "\n1", 1)}
    notes.must_refuse(lambda: check(trust, {**fact, **another}, roots), "another log size")
    # The last bytes of the response are the authority's signature.
    unsigned = {"evidence": {"time_stamp": {"response": response[:-8] + notes.flipped(response[-8:])}}}
    notes.must_refuse(lambda: check(trust, {**fact, **unsigned}, roots), "a forged signature of the authority")
    if len(sys.argv) > 4:
        Path(sys.argv[4], "text").write_text(text_of(fact), encoding="utf-8")
        Path(sys.argv[4], "response.tsr").write_bytes(bytes.fromhex(response))
    notes.ok("anchored", "rfc3161-client")


main()
