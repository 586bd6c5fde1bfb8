import pytest
from django.test import Client
def test_open(client, editor, reader, post, decide):
    client.force_login(editor.user)
    c = post(reader, "Read https://example.net/one"); decide(c, "reject", editor)
    r = client.get("/admin/comments/desk/numbers/")
    assert r.status_code == 200
    print(r.content.decode()[:100])
    for t in ["comments","waits","queue","articles","rules","scorers","flags","issues"]:
        r = client.get(f"/admin/comments/desk/numbers/{t}.csv"); assert r.status_code == 200; print(r.content.decode())
