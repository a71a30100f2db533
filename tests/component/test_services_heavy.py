"""The whole household at once: the real Home Assistant, Miniflux, and a Minecraft server beside the light ones."""

from __future__ import annotations

import pytest

from homelab.check import prove
from homelab.checks import engine, home_assistant, immich, jellyfin, minecraft, miniflux
from homelab.checks import services as checks
from homelab.clients.photo import evening
from homelab.services import load
from homelab.stages import services as stage

WISH = stage.Params(services="all")
pytestmark = pytest.mark.nightly


def test_every_service_as_its_user_would(world) -> None:
    stage.supply(world, WISH)
    assert world.apply(stage.plan(world, WISH))
    phone, secret = world["phone"], stage.password(world, WISH)
    prove(*[checks.answers(phone, load(name)) for name in WISH.names])
    films = checks.url(phone, load("jellyfin"))
    account = stage.cinema(world, WISH, phone, films)
    prove(
        immich.photo_arrives(
            phone, checks.url(phone, load("immich")), WISH.email, secret, "x.jpg", evening(7)
        ),
        immich.has_photo(phone, checks.url(phone, load("immich")), WISH.email, secret, "x.jpg"),
        jellyfin.plays(phone, films, account, stage.FILM),
        home_assistant.keeps_a_state(phone, checks.url(phone, load("home-assistant")), WISH.user, secret),
        home_assistant.keeps_a_state(phone, checks.url(phone, load("home-assistant")), WISH.user, secret),
        miniflux.reads_a_feed(
            phone,
            checks.url(phone, load("miniflux")),
            "admin",
            stage.made_up(world, WISH, "miniflux", "ADMIN_PASSWORD"),
            stage.FEED,
        ),
        minecraft.is_in_the_list(phone, checks.address(phone, "minecraft")),
        engine.room_for_the_game(world["tequila"], 0.5),
    )
    left = stage.plan(world, WISH)
    assert not left, str(left)
