"""gunicorn's settings; PORT and WEB_CONCURRENCY come from the platform."""

import os

wsgi_app = "website.wsgi:application"
bind = os.environ.get("BIND") or f"0.0.0.0:{os.environ.get('PORT') or '8000'}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# Threads keep a slow page (a database that is waking) from blocking the others, the health check first of all.
worker_class = "gthread"
threads = 8
# The longest a request should take: a database may need 55 s to wake, and the page comes after that.
timeout = 60
# Loaded once before the fork: a wrong configuration ends the process at once instead of restarting workers for ever.
preload_app = True
# Access lines name every editor's address and are the load balancer's to keep; errors go to standard error.
accesslog = None
# The default is a file on disk, which some container platforms mount over a slow network; not every one has this either.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# The control socket would be a file in the home directory that two sites on one machine fight for.
control_socket_disable = True
