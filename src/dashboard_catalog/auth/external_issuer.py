"""The external issuer of tokens that the settings name, such as an identity provider."""

from pathlib import Path

from dashboard_catalog.auth.claims import ClaimNames
from dashboard_catalog.auth.jwks_file import JwksFile
from dashboard_catalog.auth.jwks_url import JwksUrl
from dashboard_catalog.auth.key_sets import JwksError
from dashboard_catalog.auth.signing_key import OWN_ISSUER
from dashboard_catalog.auth.verification import TrustedIssuer
from dashboard_catalog.metrics.declared import Metrics

EXTERNAL_LEEWAY = 60.0


def external_issuer(
    jwks: str, issuer: str, audience: str, claims: ClaimNames, metrics: Metrics | None = None
) -> TrustedIssuer:
    """Returns the external issuer of the settings. Reads a file now, and fetches a URL with the first token.

    Args:
        jwks: Path of a file, or a URL.
        issuer: The required value of `iss`.
        audience: The required value of `aud`, or of one of its elements.
        claims: The names of the claims in its tokens.
        metrics: Counts how often the keys are loaded.

    Raises:
        JwksError: If `issuer` or `audience` is empty, the URL is not allowed, or the file cannot be used.
    """
    if not issuer or not audience:
        raise JwksError("a JWKS needs the issuer and the audience of its tokens")
    if issuer == OWN_ISSUER:
        raise JwksError(f"the issuer {OWN_ISSUER} is the catalog itself")
    keys = JwksUrl(jwks, metrics=metrics) if "://" in jwks else JwksFile(Path(jwks), metrics=metrics)
    return TrustedIssuer(issuer, audience, keys, claims, EXTERNAL_LEEWAY)
