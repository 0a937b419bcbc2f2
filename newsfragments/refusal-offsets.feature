A refusal says where: the error log has the byte of the head, of its target or path, or of the body
as it was sent, for what clients send (400, 414, 501, 505) and for answers of upstreams (502). An
upstream that sends more than its answer has is told of at level ``warn``.
