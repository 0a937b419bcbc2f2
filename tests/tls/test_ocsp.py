"""What answers of OCSP responders are worth."""

from __future__ import annotations

import base64
import time
from urllib.parse import unquote

from cryptography.x509 import ocsp as library
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.tls import ocsp

from ..authorities import DER, REVOKED, UNKNOWN, authority


class WordTests(SynchronousTestCase):
    """Question.word."""

    def setUp(self) -> None:
        self.ca, self.other = authority(), authority("Test CA")
        self.leaf = self.ca.issue("a.test")
        self.delegate = self.ca.issue(common_name="delegate", delegated=True)
        self.question = ocsp.Question(self.leaf.certificate, self.ca.certificate)
        self.now = time.time()

    def worthless(self, answer: bytes, question: ocsp.Question | None = None) -> str:
        """Why an answer says nothing."""
        with self.assertRaises(ocsp.Worthless) as caught:
            (question or self.question).word(answer, self.now)
        return str(caught.exception)

    def test_status(self) -> None:
        """The issuer says good, revoked or unknown, until when it says, or for good."""
        found = self.question.word(self.ca.word(self.leaf), self.now)
        self.assertEqual(found.status, ocsp.GOOD)
        self.assertLess(abs(found.until - self.now - 24 * 3600), 60)
        for status, name in ((REVOKED, ocsp.REVOKED), (UNKNOWN, ocsp.UNKNOWN)):
            found = self.question.word(self.ca.word(self.leaf, status, end=None), self.now)
            self.assertEqual((found.status, found.until), (name, float("inf")))

    def test_delegate(self) -> None:
        """Who has the issuer's word for it may answer, with any kind of key."""
        for kind in ("ec", "rsa"):
            signer = self.ca.issue(common_name="delegate", delegated=True, kind=kind)
            answer = self.ca.word(self.leaf, signer=signer)
            self.assertEqual(self.question.word(answer, self.now).status, ocsp.GOOD)

    def test_verified(self) -> None:
        """With trusted certificates a delegate needs a chain to them; the issuer itself none."""
        answer = self.ca.word(self.leaf, signer=self.delegate)
        for trusted, whose, good in (
            (self.ca, answer, True),
            (self.other, answer, False),
            (self.other, self.ca.word(self.leaf), True),
        ):
            question = ocsp.Question(
                self.leaf.certificate, self.ca.certificate, (trusted.certificate,)
            )
            if good:
                self.assertEqual(question.word(whose, self.now).status, ocsp.GOOD)
            else:
                self.assertIn("doesn't trust", self.worthless(whose, question))

    def test_forged(self) -> None:
        """Nobody else may: no namesake of the issuer, no other certificate, no changed bit."""
        changed = bytearray(self.ca.word(self.leaf))
        changed[-3] ^= 1
        old = self.ca.issue(common_name="delegate", delegated=True, days=-1, age=3)
        foreign = self.other.issue(common_name="delegate", delegated=True)
        for answer, why in (
            (self.ca.word(self.leaf, signer=self.other), "no right"),
            (self.other.word(self.leaf), "somebody else"),
            (self.ca.word(self.leaf, signer=self.leaf), "no right"),
            (self.ca.word(self.leaf, signer=foreign), "no right"),
            (self.ca.word(self.leaf, signer=self.delegate, shown=False), "somebody else"),
            (self.ca.word(self.leaf, signer=old), "not valid now"),
            (bytes(changed), "not signed"),
        ):
            self.assertIn(why, self.worthless(answer))

    def test_times(self) -> None:
        """It counts from thisUpdate to nextUpdate; clocks may be five minutes apart."""
        self.assertIn("has expired", self.worthless(self.ca.word(self.leaf, end=-0.1)))
        self.assertIn("not valid yet", self.worthless(self.ca.word(self.leaf, begin=0.1)))
        self.question.word(self.ca.word(self.leaf, begin=0.05, end=1), self.now)

    def test_other_certificate(self) -> None:
        """It must be about the certificate that was asked about, by number and by issuer."""
        answer = self.ca.word(self.ca.issue("b.test"))
        self.assertIn("not found", self.worthless(answer))
        question = ocsp.Question(self.leaf.certificate, self.other.certificate)
        self.assertIn("somebody else", self.worthless(self.ca.word(self.leaf), question))

    def test_nonsense(self) -> None:
        """What is no answer, or says that there is none, is told."""
        whole = self.ca.word(self.leaf)
        for answer in (b"", b"\x30", b"<html>", whole[:-1], whole[:40], whole + b"x"):
            self.assertIn("can't be read", self.worthless(answer))
        later = library.OCSPResponseBuilder.build_unsuccessful(library.OCSPResponseStatus.TRY_LATER)
        self.assertEqual(
            self.worthless(later.public_bytes(DER)), "OCSP response not successful (3: trylater)"
        )

    def test_any_byte(self) -> None:
        """Whatever bit of an answer is changed, nothing but Worthless comes of it."""
        answer = self.ca.word(self.leaf, signer=self.delegate)
        for place in range(len(answer)):
            changed = bytearray(answer)
            changed[place] ^= 0x21
            try:
                self.question.word(bytes(changed), self.now)
            except ocsp.Worthless:
                continue
            # The delegate's certificate may hold what nobody signed: names of algorithms.
            self.assertGreater(
                place, answer.index(self.delegate.certificate.public_bytes(DER)[:20])
            )


class QuestionTests(SynchronousTestCase):
    """What is asked, and where."""

    def test_path(self) -> None:
        """The request is in the path, in base64, behind the path of the responder's URL."""
        ca = authority()
        leaf = ca.issue("a.test")
        question = ocsp.Question(leaf.certificate, ca.certificate)
        for base in ("/", "/ocsp", "/ocsp/"):
            path = question.path(base)
            start, _, last = path.rpartition("/")
            self.assertEqual(start, base.rstrip("/"))
            asked = library.load_der_ocsp_request(base64.b64decode(unquote(last), validate=True))
            self.assertEqual(asked.serial_number, leaf.certificate.serial_number)

    def test_responder(self) -> None:
        """The responder is the one that the certificate names, if it names one."""
        ca = authority()
        leaf = ca.issue("a.test", responder="http://ocsp.test/x")
        self.assertEqual(ocsp.responder(leaf.certificate), "http://ocsp.test/x")
        self.assertEqual(ocsp.responder(ca.certificate), "")
