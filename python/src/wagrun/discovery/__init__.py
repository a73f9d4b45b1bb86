"""Asks Django for a site's content: the tables to watch, and the addresses of pages.

Two programs run this code. `manage.py wagrun` imports it. The function migrate has the text of the three files inside
itself, and runs it in `manage.py shell` as one script with functions/migrate/src/answer.py at the end, so a site needs no
package of wagrun. Therefore none of the three imports another, their names differ, and annotations that Python 3.9 cannot
evaluate are quoted.
"""
