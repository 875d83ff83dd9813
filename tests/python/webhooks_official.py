"""The official package of Standard Webhooks judges a request that a receiver got.

usage: webhooks_official.py SECRET REQUEST

REQUEST is {"headers": …, "body": …} as JSON. Prints the type of the event, or `refused`.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

secret, request = sys.argv[1], json.loads(sys.argv[2])
try:
    event = Webhook(secret).verify(request["body"], request["headers"])
except WebhookVerificationError:
    print("refused")
else:
    print(event["type"])
