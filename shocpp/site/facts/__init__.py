"""The facts of one decision, from the database and conf/."""
