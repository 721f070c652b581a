"""Submissions as citizens write them; every text here was written for this project."""

import random

TEXTS = [
    ("en", "Street light out", "The street light in front of number {n} in Mill Lane has been dark "
     "for {d} days. Children walk home there from the evening class and the pavement is broken."),
    ("en", "No water since Monday", "We have had no water on the third floor since Monday. The "
     "neighbour in flat {n} is ninety and cannot carry buckets up the stairs."),
    ("en", "Pension not paid", "My pension for the last {d} months has not arrived. The counter "
     "told me to come back with form {n} and then said the form does not exist."),
    ("es", "Basura sin recoger", "Llevamos {d} días sin recogida de basura en la calle {n}. El "
     "contenedor está lleno y hay ratas junto a la escuela."),
    ("es", "Fuga de agua", "Hay una fuga de agua en la esquina desde hace {d} días y la calle {n} "
     "está inundada. Nadie contesta al teléfono."),
    ("fr", "Nid-de-poule dangereux", "Un grand trou devant le numéro {n} a déjà fait tomber deux "
     "cyclistes en {d} jours. Merci de le signaler au moins par une barrière."),
    ("fr", "Bus supprimé", "Le bus de six heures ne passe plus depuis {d} jours et je perds mon "
     "travail. La ligne {n} est la seule du quartier."),
    ("de", "Lärm in der Nacht", "Seit {d} Nächten wird auf der Baustelle bis drei Uhr gearbeitet. "
     "In Haus {n} schläft niemand mehr, das Ordnungsamt nimmt nicht ab."),
    ("pt", "Posto de saúde fechado", "O posto de saúde está fechado há {d} dias sem aviso. Minha "
     "mãe precisa do remédio e a senha {n} não foi chamada."),
    ("tr", "Elektrik kesintisi", "Mahallemizde {d} gündür her akşam elektrik kesiliyor. {n} numaralı "
     "binada solunum cihazına bağlı bir hasta var."),
    ("id", "Jembatan rusak", "Jembatan kecil di dekat rumah nomor {n} sudah rusak selama {d} hari. "
     "Anak-anak harus memutar jauh untuk ke sekolah."),
    ("th", "ไฟถนนดับ", "ไฟถนนหน้าบ้านเลขที่ {n} ดับมา {d} วันแล้ว กลางคืนมืดมากและเกิดอุบัติเหตุบ่อย"),
]


class Citizen:
    """Who wrote it: every part is unlike anything else in the system, so it can be searched for."""

    def __init__(self, rng):
        tag = f"{rng.getrandbits(40):010x}"
        self.name = f"Ottoline Quarrel{tag}"
        self.email = f"quarrel.{tag}@example.org"
        self.phone = f"+4930{rng.randrange(10**8, 10**9)}"
        self.street = f"{rng.randrange(1, 99)} Zephyrstead {tag} Row"
        self.secret = f"plumbago-{tag}"


def submission(seed, **extra):
    """One submission (a JSON object) and its citizen; the same seed gives the same."""
    rng = random.Random(seed)
    citizen = Citizen(rng)
    _, subject, text = rng.choice(TEXTS)
    description = text.format(n=rng.randrange(1, 900), d=rng.randrange(2, 60))
    body = {
        "subject": subject,
        "description": f"{description} {citizen.secret}",
        "address": citizen.street,
        "contact": {"name": citizen.name, "email": citizen.email, "phone": citizen.phone},
    }
    body.update(extra)
    return body, citizen
