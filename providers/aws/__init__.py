"""AWS, through boto3.

A machine's name is the client token of its purchase: EC2 answers a repeated token with the
machine of the first call. A handle is the instance's id, with `/seen` behind it once the
instance has shown itself: EC2 may not know an id right after it has given it out.
"""

from providers.aws.adapter import build
from providers.aws.scout import scout

__all__ = ["build", "scout"]
