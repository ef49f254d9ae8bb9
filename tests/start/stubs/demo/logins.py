DEMO_LOGINS = [("operador@vigia.test", "segredo", "operador")]
