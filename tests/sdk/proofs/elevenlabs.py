# PyPI elevenlabs: WebhooksClient.construct_event
from elevenlabs.webhooks_custom import WebhooksClient

looser = {"capitals": "hexadecimal digits are the same in capitals; it compares texts"}

client = WebhooksClient(client_wrapper=None)


def accepts(request):
    client.construct_event(request.body.decode(), request.headers.get("elevenlabs-signature"), request.secret)
    return True
