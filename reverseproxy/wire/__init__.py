"""HTTP/1.1 as bytes: heads, framing and the rules of fields. Pure; nothing here knows a socket.

Each module is bytes in, values out, and begins with its theory. In the order a request meets them:

- `heads` finds the end of a head in what has arrived and parses it: `head_end`,
  `parse_request_head` -> `RequestHead`, `parse_response_head` -> `ResponseHead`. `fieldlines` reads
  the fields of both.
- `hosts` reads Host: `parse_host` -> the name virtual hosts are found by, and a port.
- `hostnames` finds names by wildcards: `HostNames`.
- `target` takes the request target apart, and makes the path that locations are chosen by:
  `split_target` -> `Target`, `normalise_path`, and `quote_path` for the way out.
- `framing` is the one place that decides how long a body is, and whether a connection lives on:
  `request_framing`, `response_framing`, `keeps_alive`, `connection_tokens`.
- `chunked` reads bodies piece by piece, of any framing: `ChunkedDecoder`, `LengthDecoder`,
  `CloseDecoder`, or what `decoder_for` chooses; and `chunk` and `LAST_CHUNK` frame one.
- `fields` knows which fields stop here and which go on (`hop_by_hop`, `passed_on`), writes a head
  (`serialise`), and judges values made by ourselves (`safe_field_value`).
- `forwarded` extends X-Forwarded-For; `credentials` reads Authorization.
- `negotiation`, `conditional` and `ranges` answer for the content: may it be gzip, has it changed,
  which part of it is asked for.
- `grammar` holds the few rules several of these are built on.

A request that is refused raises `reverseproxy.errors.ClientError`, a response
`UpstreamProtocolError`, a body `chunked.ChunkError`. The causes that a `ClientError` from here can
have:

    RP-400-request-line     the request line is none
    RP-400-target           the request target has no form of RFC 9112
    RP-400-path             a bad escape, a zero byte, or a climb above the root
    RP-400-field-name       a field line without a colon, or with a name that is none
    RP-400-field-value      a control byte or a bare CR in a value
    RP-400-fold             a line that begins with white space
    RP-400-head             the head does not end where it should
    RP-400-host             Host is missing, repeated or invalid
    RP-400-framing          the body could be read as two lengths
    RP-400-fields           too many fields
    RP-400-repeated         two of a field that there may be one of
    RP-501-coding           a transfer coding other than chunked
    RP-505-version          another major version of HTTP
"""
