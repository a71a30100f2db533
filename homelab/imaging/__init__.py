"""Pictures and speech: what a card is for besides language.

Offline and real: an upscaler (`upscale`) and a listener (`whisper`) whose weights come with packages. At home:
Fooocus through its HTTP interface (`painter`), and how it is installed (`installation`).
"""
