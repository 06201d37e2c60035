# PyPI pyairtable: WebhookNotification.from_request
from pyairtable.models import WebhookNotification


def accepts(request):
    header = request.headers["x-airtable-content-mac"]
    WebhookNotification.from_request(request.text, header, request.secret)
    return True
