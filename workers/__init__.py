"""Who does the work, and when: the only place that knows Celery and kombu."""
