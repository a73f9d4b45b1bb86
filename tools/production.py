"""The variables that the template gives the image, for the tests beside this file. test_image.py compares their names."""

DATABASE = {
    # A port without a server.
    "DATABASE_HOST": "127.0.0.1",
    "DATABASE_PORT": "1",
    "DATABASE_NAME": "site",
    "DATABASE_SSL_MODE": "verify-full",
    "DATABASE_AUTH": "iam",
}

# The variables of the web service, on App Runner and on ECS Express.
WEB = {
    **DATABASE,
    "DATABASE_USER": "web",
    "AWS_REGION": "eu-central-1",
    "MEDIA_BUCKET": "media",
    "ALLOWED_HOSTS": ".eu-central-1.awsapprunner.com,",
    "CSRF_TRUSTED_ORIGINS": "",
    "SITE_URL": "",
    "PORT": "8000",
    "MIGRATION": "",
    "SECRET_KEY": "secret",
}

MIGRATE = {
    **DATABASE,
    "DATABASE_USER": "wagtail_admin",
    "DATABASE_WEB_USER": "web",
    "DATABASE_RELAY_USER": "relay",
    "SITE_DIRECTORY": "/site",
    "SITE_PYTHON": "python3",
    "SITE_ENVIRONMENT": "",
    "SUPERUSER_PARAMETER": "",
    "WATCHED_TABLES": "",
    "CAPTURE_MIGRATIONS": "false",
    "MIGRATION_VERSION": "",
    "DOORBELL": "Logs",
    "DOORBELL_FUNCTION": "arn:aws:lambda:eu-central-1:123456789012:function:wagrun-content-events",
    "AWS_USE_DUALSTACK_ENDPOINT": "false",
}
