from django.db import migrations

SQLITE = [
    "CREATE VIRTUAL TABLE search_words USING fts5(text, content='search_entry', content_rowid='id', "
    "tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER search_entry_added AFTER INSERT ON search_entry BEGIN "
    "INSERT INTO search_words (rowid, text) VALUES (new.id, new.text); END",
    "CREATE TRIGGER search_entry_removed AFTER DELETE ON search_entry BEGIN "
    "INSERT INTO search_words (search_words, rowid, text) VALUES ('delete', old.id, old.text); END",
    "CREATE TRIGGER search_entry_changed AFTER UPDATE OF text ON search_entry BEGIN "
    "INSERT INTO search_words (search_words, rowid, text) VALUES ('delete', old.id, old.text); "
    "INSERT INTO search_words (rowid, text) VALUES (new.id, new.text); END",
]
POSTGRESQL = [
    "ALTER TABLE search_entry ADD COLUMN words tsvector",
    "CREATE INDEX search_words ON search_entry USING gin (words)",
]
BACK = {
    "sqlite": ["DROP TRIGGER search_entry_added", "DROP TRIGGER search_entry_removed",
               "DROP TRIGGER search_entry_changed", "DROP TABLE search_words"],
    "postgresql": ["ALTER TABLE search_entry DROP COLUMN words"],
}


def run(statements):
    def do(apps, schema_editor):
        for statement in statements.get(schema_editor.connection.vendor, []):
            schema_editor.execute(statement)

    return do


class Migration(migrations.Migration):
    dependencies = [("search", "0001_initial"), ("streams", "0002_followers"), ("agents", "0006_seen")]

    operations = [migrations.RunPython(run({"sqlite": SQLITE, "postgresql": POSTGRESQL}), run(BACK))]
