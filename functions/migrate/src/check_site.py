"""
Makes sure that the site's default database is the one that migrate works on, and that its Wagtail is supported. The function
migrate runs this code in `manage.py shell` in front of each of its scripts, before anything connects.

migrate holds a random advisory lock in its database (WAGRUN_DATABASE_PROOF). Only a session of the same database on the same
server sees it. Names and addresses would not do: a copy has the same name, and a server has many addresses.

If the site uses another database, or none that it can reach, one line of standard output tells so in a sentence:
`WAGRUN-REFUSED ` and the sentence. The process ends with an error then.

Each session that Django opens also gets the settings in WAGRUN_SESSION, because a site's own OPTIONS take the place of
PGOPTIONS and PGAPPNAME.
"""


def _check_site():
    import json
    import os
    import re
    import sys

    from django.conf import settings
    from django.db import DEFAULT_DB_ALIAS, connections
    from django.db.backends.signals import connection_created

    session_settings = json.loads(os.environ["WAGRUN_SESSION"])
    key = int(os.environ["WAGRUN_DATABASE_PROOF"])
    # The oldest release with the tables and columns that events are made of.
    MIN_WAGTAIL = (6, 3)
    # Names of variables that lead to a database, as the code of settings spells them.
    variable = re.compile(
        r"""["']([A-Z0-9_]*(?:DATABASE|POSTGRES|RDS|SQL)[A-Z0-9_]*|DB_[A-Z0-9_]+|[A-Z0-9_]+_DB(?:_[A-Z0-9_]+)?|PG[A-Z]+)["']"""
    )
    url_by_default = re.compile(r"""dj_database_url\.config\(|\benv\.(?:dj_)?db(?:_url)?\(\s*\)""")

    def set_up_session(connection, **kwargs):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                for name, value in session_settings.items():
                    cursor.execute("select set_config(%s, %s, false)", [name, value])

    def is_proven(connection):
        with connection.cursor() as cursor:
            # Both halves of the key are unsigned, as pg_locks shows them.
            cursor.execute(
                "select exists (select from pg_locks where locktype = 'advisory' and granted and objsubid = 1"
                " and database = (select oid from pg_database where datname = current_database())"
                " and classid::bigint = %s and objid::bigint = %s)",
                [(key >> 32) & 0xFFFFFFFF, key & 0xFFFFFFFF],
            )
            return cursor.fetchone()[0]

    def place(connection):
        one = connection.settings_dict
        if one.get("ENGINE") == "django.db.backends.dummy":
            return "empty (DATABASES)"
        if connection.vendor == "sqlite":
            return f"the SQLite file {str(one['NAME'])!r}"
        host = f"{one.get('HOST') or 'the default host'}:{one.get('PORT') or 'the default port'}"
        return f"{str(one.get('NAME'))!r} on {host} as {str(one.get('USER'))!r} ({one.get('ENGINE')})"

    def settings_files():
        """Yields the texts of the settings module and of its neighbours, which it may import."""
        name = getattr(settings, "SETTINGS_MODULE", "") or ""
        package = name.rpartition(".")[0]
        for found, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if path and path.endswith(".py") and (found == name or (package and found.rpartition(".")[0] == package)):
                with open(path, encoding="utf-8", errors="replace") as file:
                    yield file.read()

    def variables():
        names = set()
        for text in settings_files():
            names.update(variable.findall(text))
            if url_by_default.search(text):
                names.add("DATABASE_URL")
        # Django's own setting is no variable.
        return sorted(names - {"DATABASES", "DATABASE_ROUTERS"})

    def refuse(sentence):
        # One line, whatever the error of the driver.
        print("\nWAGRUN-REFUSED " + " ".join(sentence.split()), flush=True)
        sys.exit(1)

    def refuse_database(reason):
        names = variables()
        listed = ", ".join(f"{name} ({'set' if os.environ.get(name) else 'not set'})" for name in names)
        read = f"its code names the variables {listed}" if names else "its code names no variable of a database"
        module = getattr(settings, "SETTINGS_MODULE", None) or "the settings"
        refuse(f"{reason}; {module} decides which, and {read}: SiteEnvironment sets them for migrate")

    try:
        from wagtail import VERSION
    except ImportError:
        refuse("the site has no Wagtail: its Python cannot import it")
    if VERSION[:2] < MIN_WAGTAIL:
        version = ".".join(map(str, VERSION[:3]))
        refuse(f"the site has Wagtail {version}, and wagrun needs {MIN_WAGTAIL[0]}.{MIN_WAGTAIL[1]} or newer")

    connection_created.connect(set_up_session, weak=False, dispatch_uid="wagrun")
    expected = os.environ["WAGRUN_DATABASE"]
    try:
        connection = connections[DEFAULT_DB_ALIAS]
    except Exception as error:
        refuse_database(f"the site has no usable default database, while migrate works on {expected}: {error}")
    if connection.vendor != "postgresql":
        refuse_database(f"the site's default database is {place(connection)}, while migrate works on {expected}")
    try:
        # A session from before the handler above lacks its settings.
        connection.close()
        proven = is_proven(connection)
    except Exception as error:
        refuse_database(f"the site cannot use its default database, {place(connection)}, while migrate works on {expected}: {error}")
    if not proven:
        refuse_database(f"the site's default database is {place(connection)}, which is not the one that migrate works on, {expected}")


_check_site()
del _check_site
