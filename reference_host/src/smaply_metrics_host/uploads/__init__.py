"""Uploaded survey files.

- ``staged_uploads``: files that a person previews, before anything is stored.
- ``upload_reading``: reads a file as the person stated.
- ``upload_form``, ``upload_preview``: the page with the preview.
- ``upload_storage``: stores a file in the account's folder and connects the folder.
- ``upload_transactions``: places a file, and restores the previous one if it is rejected.
"""
