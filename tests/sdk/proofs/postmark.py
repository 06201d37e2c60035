"""PyPI django-anymail: webhooks.postmark.PostmarkTrackingWebhookView, which checks the URL's credentials."""

import django
from django.conf import settings

settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="none", INSTALLED_APPS=["anymail"])
django.setup()

from anymail.webhooks.postmark import PostmarkTrackingWebhookView  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402


def accepts(request):
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    asked = RequestFactory().post("/", request.body, content_type="application/json", **headers)
    with override_settings(ANYMAIL={"WEBHOOK_SECRET": request.secrets}):
        PostmarkTrackingWebhookView().run_validators(asked)
    return True
