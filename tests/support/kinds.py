"""Labelled grievances in quantity: texts written for this project, varied so that no two are alike."""

import itertools
import random

# Of each kind: how it begins, what it is about, what comes of it. Any beginning goes with any other.
_KINDS = {
    "roads.pothole": (
        ["There is a deep pothole", "A hole has opened in the road", "The tarmac has sunk and broken",
         "Please fill the crater in the roadway", "A pothole as wide as a car wheel has appeared"],
        ["on {street} near number {n}", "at the corner of {street}", "in the right lane of {street}",
         "just before the bridge on {street}"],
        ["and my tyre burst there on {day}.", "and cyclists swerve into the traffic to avoid it.",
         "and it fills with water so that nobody sees it.", "and it grows with every lorry."]),
    "waste.collection": (
        ["The bins were not emptied", "Nobody collected our rubbish", "The refuse lorry drove past us",
         "Our household waste has been standing outside", "The bin men left half of the bags"],
        ["on {street} for {n} days", "again on {day} in {street}", "at house {n} in {street}",
         "in the whole of {street}"],
        ["and the bags are torn by gulls.", "and the smell is unbearable.",
         "although the calendar says every {day}.", "and now the containers overflow."]),
    "lighting.street": (
        ["The street lamp is dark", "No street light works", "The lamp post flickers all night",
         "The lights have been off", "A lamp hangs from its cable and gives no light"],
        ["on {street} outside number {n}", "along the footpath behind {street}",
         "at the bus stop in {street}", "between {street} and the school since {day}"],
        ["and people walk home in the dark.", "and a woman fell over the kerb on {day}.",
         "and nobody dares to cross after eight.", "and the pole carries the number {n}."]),
    "water.leak": (
        ["Water is running out of the pavement", "A water main has burst", "There is a leak in the pipe",
         "The hydrant drips day and night", "A fountain of drinking water shoots up"],
        ["in {street} by number {n}", "under the crossing at {street}", "in front of {street} {n}",
         "since {day} on {street}"],
        ["and the cellars are getting wet.", "and the pressure in our taps is gone.",
         "and thousands of litres are lost.", "and the gutter cannot take it any more."]),
    "parks.trees": (
        ["A branch hangs loose", "The old chestnut is rotten", "The trees have not been pruned",
         "Roots have lifted the paving", "A tree leans dangerously"],
        ["over the playground in {street}", "in the park behind {street}", "at {street} {n}",
         "above the parked cars on {street} since {day}"],
        ["and twigs fall whenever there is wind.", "and the crown scratches our windows.",
         "and somebody will be hurt when it breaks.", "and it takes all the light from us."]),
    "parks.drones": (
        ["A drone circles", "Somebody flies a quadcopter", "Remote-controlled drones buzz",
         "A camera drone hovers", "Hobby pilots race their drones"],
        ["over our balconies in {street} every {day}", "above the gardens behind {street} {n}",
         "low over the bathers near {street}", "outside the bedroom windows of {street} {n}"],
        ["and films us without asking.", "and the whirring of its rotors never ends.",
         "and it nearly struck a child on {day}.", "and its pilot will not say who he is."]),
}
_STREETS = ["Mill Lane", "Harbour Road", "Linden Street", "Station Avenue", "Chapel Hill", "Quay Street",
            "Orchard Way", "Market Square", "Castle Terrace", "Ferry Road", "Garden Row", "North Parade"]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def texts(kind, count, seed=0):
    """count different texts of a kind, as (subject, description); another seed gives others."""
    rng = random.Random(f"{kind} {seed}")
    combined = list(itertools.product(*_KINDS[kind]))
    found = {}
    while len(found) < count:
        begin, place, outcome = rng.choice(combined)
        facts = {"street": rng.choice(_STREETS), "n": rng.randrange(1, 300), "day": rng.choice(_DAYS)}
        found[f"{begin} {place} {outcome}".format(**facts)] = begin
    return [(subject, description) for description, subject in found.items()]


def known():
    return [kind for kind in _KINDS if kind != "parks.drones"]
