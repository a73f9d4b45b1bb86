"""The settings of gunicorn. PORT and WEB_CONCURRENCY come from the platform."""

import os

wsgi_app = "website.wsgi:application"
bind = os.environ.get("BIND") or f"0.0.0.0:{os.environ.get('PORT') or '8000'}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# With threads, a slow page (a database that is waking) does not block other requests, first of all the health
# check.
worker_class = "gthread"
threads = 8
# The maximum seconds of a request: a database may need 55 s to wake, and the page comes after that.
timeout = 60
# Loads the application once before the fork. With a wrong configuration the process ends at once, instead of
# restarting workers for ever.
preload_app = True
# Access lines have the addresses of editors, and are the task of the load balancer. Errors go to standard
# error.
accesslog = None
# The default is a file on disk, which some container platforms mount over a slow network. Not every platform
# has this directory either.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# The control socket would be a file in the home directory, for which two sites on one machine would compete.
control_socket_disable = True
