"""What the real programs print, word for word where somebody published it, in the languages that the lab speaks.

Sources: wsl.exe: localization/strings/*/Resources.resw of github.com/microsoft/WSL. netsh in English and Spanish:
github.com/search of `netsh interface portproxy show`, as in many transcripts; French: one transcript on GitHub.
Windows' own errors 2, 5 and 740: learn.microsoft.com/windows/win32/debug/system-error-codes and its translations.
Where nothing published was found the words are ours, and the line says so: no parser may depend on any of these.
"""

from __future__ import annotations

CODE_PAGES = {"en-US": "cp437", "de-DE": "cp850", "es-ES": "cp850", "fr-FR": "cp850"}
"""What netsh and schtasks write in when nobody looks at a console: the code page of MS-DOS."""

NETSH = {
    "en-US": {
        "head": "Listen on ipv4:             Connect to ipv4:",
        "columns": "Address         Port        Address         Port",
        "elevation": "The requested operation requires elevation (Run as administrator).",
        "missing": "The system cannot find the file specified.",
    },
    "de-DE": {
        "head": "Abhören auf ipv4:           Verbinden mit ipv4:",  # ours
        "columns": "Adresse         Port        Adresse         Port",
        "elevation": "Der angeforderte Vorgang erfordert erhöhte Rechte (Als Administrator ausführen).",
        "missing": "Das System kann die angegebene Datei nicht finden.",
    },
    "es-ES": {
        "head": "Escuchar en ipv4:             Conectar a ipv4:",
        "columns": "Dirección       Puerto      Dirección       Puerto",
        "elevation": "La operación solicitada requiere elevación (Ejecutar como administrador).",
        "missing": "El sistema no puede encontrar el archivo especificado.",
    },
    "fr-FR": {
        "head": "Écouter sur ipv4 :             Connecter à ipv4 :",
        "columns": "Adresse         Port        Adresse         Port",
        "elevation": "L'opération demandée nécessite une élévation (Exécuter en tant qu'administrateur).",
        "missing": "Le fichier spécifié est introuvable.",
    },
}

SCHTASKS = {
    "en-US": {
        "created": 'SUCCESS: The scheduled task "{}" has successfully been created.',
        "deleted": 'SUCCESS: The scheduled task "{}" was successfully deleted.',
        "running": 'SUCCESS: Attempted to run the scheduled task "{}".',
        "missing": "ERROR: The system cannot find the file specified.",
        "denied": "ERROR: Access is denied.",
        "malformed": "ERROR: The task XML is malformed.",
    },
    "de-DE": {
        "created": 'ERFOLGREICH: Die geplante Aufgabe "{}" wurde erfolgreich erstellt.',  # ours
        "deleted": 'ERFOLGREICH: Die geplante Aufgabe "{}" wurde erfolgreich gelöscht.',  # ours
        "running": 'ERFOLGREICH: Es wurde versucht, die geplante Aufgabe "{}" auszuführen.',  # ours
        "missing": "FEHLER: Das System kann die angegebene Datei nicht finden.",
        "denied": "FEHLER: Zugriff verweigert",
        "malformed": "FEHLER: Die Aufgaben-XML ist falsch formatiert.",  # ours
    },
    "es-ES": {
        "created": 'Correcto: se creó correctamente la tarea programada "{}".',
        "deleted": 'Correcto: se eliminó correctamente la tarea programada "{}".',  # ours
        "running": 'CORRECTO: se ha intentado ejecutar la tarea programada "{}".',
        "missing": "ERROR: El sistema no puede encontrar el archivo especificado.",
        "denied": "ERROR: Acceso denegado.",
        "malformed": "ERROR: el XML de la tarea no tiene un formato correcto.",  # ours
    },
    "fr-FR": {
        "created": 'Opération réussie : la tâche planifiée "{}" a été créée.',  # ours
        "deleted": 'Opération réussie : la tâche planifiée "{}" a été supprimée.',  # ours
        "running": 'Opération réussie : tentative d\'exécution de la tâche planifiée "{}".',  # ours
        "missing": "ERREUR: Le fichier spécifié est introuvable.",
        "denied": "Erreur : Accès refusé.",
        "malformed": "ERREUR: le fichier XML de la tâche est incorrect.",  # ours
    },
}

WSL = {
    "en-US": {
        "default": "Default Distribution: {}",
        "version": "Default Version: {}",
        "versions": "WSL version: {}\nKernel version: {}\nWSLg version: {}\nMSRDC version: {}\n"
        "Direct3D version: {}\nDXCore version: {}\nWindows version: {}",
        "done": "The operation completed successfully.",
        "unknown": "There is no distribution with the supplied name.\nError code: {}",
        "no_mirror": "Mirrored networking mode is not supported: "
        "Windows version {} does not have the required features.\nFalling back to NAT networking.",
    },
    "de-DE": {
        "default": "Standarddistribution: {}",
        "version": "Standardversion: {}",
        "versions": "WSL-Version: {}\nKernelversion: {}\nWSLg-Version: {}\nMSRDC-Version: {}\n"
        "Direct3D-Version: {}\nDXCore-Version: {}\nWindows-Version: {}",
        "done": "Der Vorgang wurde erfolgreich beendet.",
        "unknown": "Es ist keine Distribution mit dem angegebenen Namen vorhanden.\nFehlercode: {}",
        "no_mirror": "Der gespiegelte Netzwerkmodus wird nicht unterstützt: "
        "Windows-Version {} verfügt nicht über die erforderlichen Features.\nFallback auf NAT-Netzwerk.",
    },
    "es-ES": {
        "default": "Distribución predeterminada: {}",
        "version": "Versión predeterminada: {}",
        "versions": "Versión de WSL: {}\nVersión de kernel: {}\nVersión de WSLg: {}\nVersión de MSRDC: {}\n"
        "Versión de Direct3D: {}\nVersión de DXCore: {}\nVersión de Windows: {}",
        "done": "La operación se completó correctamente.",
        "unknown": "No hay ninguna distribución con el nombre proporcionado.\nCódigo de error: {}",
        "no_mirror": "No se admite el modo de red reflejada: "
        "Versión {} de Windows. no tiene las características necesarias.\nRevirtiendo a las redes NAT.",
    },
    "fr-FR": {
        "default": "Distribution par défaut\xa0: {}",
        "version": "Version par défaut\xa0: {}",
        "versions": "Version WSL : {}\nVersion du noyau : {}\nVersion WSLg : {}\nVersion MSRDC : {}\n"
        "Version direct3D : {}\nVersion de DXCore : {}\nVersion de Windows : {}",
        "done": "L'opération a réussi.",
        "unknown": "Il n’existe aucune distribution avec le nom fourni.\nCode d'erreur\xa0: {}",
        "no_mirror": "Le mode réseau mis en miroir n’est pas pris en charge : "
        "Windows version {} ne dispose pas des fonctionnalités requises.\nRetour à la mise en réseau NAT.",
    },
}
