"""Mutants that do not release sessions, or leak the keys and tokens that they get."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import httpx
from pydantic import SecretStr

import smaply_metrics_core as sm
from smaply_metrics_core.bundle.writer import BundleWriter
from tests.contract_suite.mutants import rpc_server
from tests.contract_suite.mutants.http_source import HttpSourceCredentials
from tests.contract_suite.mutants.rpc_source import RpcSource

Context = sm.SourceContext
Mine = HttpSourceCredentials


class NeverReleases(RpcSource):
    """Never releases a session."""

    @contextmanager
    def session(self, context: Context, credentials: Mine) -> Iterator[SecretStr]:
        context.add_secret(key := self.sign_in(context, credentials))
        yield key


class ReleasesAfterSuccess(RpcSource):
    """Releases a session only after a success."""

    @contextmanager
    def session(self, context: Context, credentials: Mine) -> Iterator[SecretStr]:
        context.add_secret(key := self.sign_in(context, credentials))
        yield key
        self.call(context.http, rpc_server.SIGN_OUT, key.get_secret_value())


class ReleasesBeforeDeadline(RpcSource):
    """Releases a session with a client that does not work after the deadline."""

    @contextmanager
    def session(self, context: Context, credentials: Mine) -> Iterator[SecretStr]:
        context.add_secret(key := self.sign_in(context, credentials))
        try:
            yield key
        finally:
            with suppress(sm.MetricsError):
                self.call(context.http, rpc_server.SIGN_OUT, key.get_secret_value())


class ReleasesAnotherSession(RpcSource):
    """Releases a session with another key."""

    @contextmanager
    def session(self, context: Context, credentials: Mine) -> Iterator[SecretStr]:
        with context.signed_in(
            lambda: self.sign_in(context, credentials),
            lambda http, _: self.answer(http, rpc_server.SIGN_OUT, "session"),
        ) as key:
            yield key


class KeepsKeyToItself(RpcSource):
    """Does not add the key of a session to the secrets."""

    @contextmanager
    def session(self, context: Context, credentials: Mine) -> Iterator[SecretStr]:
        key = self.sign_in(context, credentials)
        try:
            yield key
        finally:
            self.call(context.http, rpc_server.SIGN_OUT, key.get_secret_value())


class AddsKeyInBundlesOnly(KeepsKeyToItself):
    """Adds the key of a session to the secrets only while it writes a bundle."""

    def write(
        self, bundle: BundleWriter, key: SecretStr, rows: list[Any], definition: sm.Questionnaire
    ) -> None:
        self.context.add_secret(key)
        super().write(bundle, key, rows, definition)

    @contextmanager
    def session(self, context: Context, credentials: Mine) -> Iterator[SecretStr]:
        self.context = context
        with super().session(context, credentials) as key:
            yield key


class LogsKey(RpcSource):
    """Logs the key of a session."""

    def exported(self, context: Context, key: SecretStr, survey_id: str) -> list[Any]:
        logging.getLogger("remote").debug("exporting with %s", key.get_secret_value())
        return super().exported(context, key, survey_id)


class LogsKeyBeforeItIsAdded(RpcSource):
    """Logs the key of a session before it is added to the secrets."""

    def sign_in(self, context: Context, credentials: Mine) -> SecretStr:
        key = super().sign_in(context, credentials)
        logging.getLogger("remote").info("opened %s", key.get_secret_value())
        return key


class LogsKeyInFailure(RpcSource):
    """Logs the key of a session if a call fails."""

    def call(self, http: httpx.Client, method: str, *params: object) -> Mapping[str, Any]:
        try:
            return super().call(http, method, *params)
        except sm.MetricsError:
            if method != rpc_server.SIGN_IN:
                logging.getLogger("remote").warning("failed: %s%r", method, params[:1])
            raise


class KeyInError(RpcSource):
    """Puts the key of a session into errors."""

    def call(self, http: httpx.Client, method: str, *params: object) -> Mapping[str, Any]:
        try:
            return super().call(http, method, *params)
        except sm.SourceUnavailable:
            if method == rpc_server.SIGN_IN:
                raise
            raise sm.SourceUnavailable(f"Remote failed in the session {params[0]}.") from None


class KeyInBundle(RpcSource):
    """Writes the key of a session into the bundle, without adding it to the secrets."""

    @contextmanager
    def session(self, context: Context, credentials: Mine) -> Iterator[SecretStr]:
        key = self.sign_in(context, credentials)
        try:
            yield key
        finally:
            self.call(context.http, rpc_server.SIGN_OUT, key.get_secret_value())

    def write(
        self, bundle: BundleWriter, key: SecretStr, rows: list[Any], definition: sm.Questionnaire
    ) -> None:
        super().write(bundle, key, rows, definition)
        bundle.add_text("calls.txt", f"export {key.get_secret_value()}")


class EncodedKeyInBundle(KeyInBundle):
    """Writes the key of a session into the bundle in hexadecimal digits."""

    def write(
        self, bundle: BundleWriter, key: SecretStr, rows: list[Any], definition: sm.Questionnaire
    ) -> None:
        RpcSource.write(self, bundle, key, rows, definition)
        bundle.add_text("calls.txt", key.get_secret_value().encode().hex())


KILLERS: Final[Mapping[str, Sequence[type[RpcSource]]]] = {
    "test_every_login_session_is_released": (
        NeverReleases,
        ReleasesAfterSuccess,
        ReleasesBeforeDeadline,
        ReleasesAnotherSession,
    ),
    "test_every_issued_secret_is_added": (KeepsKeyToItself, AddsKeyInBundlesOnly),
    "test_no_credential_is_leaked": (
        LogsKey,
        LogsKeyBeforeItIsAdded,
        LogsKeyInFailure,
        KeyInError,
    ),
    "test_the_debug_bundle_is_clean": (KeyInBundle, EncodedKeyInBundle),
}
