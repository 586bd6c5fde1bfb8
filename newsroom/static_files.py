"""Static files of a public site."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise ships no types
    """Names that change with the content, in JavaScript modules too, and compressed ahead of time."""

    support_js_module_import_aggregation = True
