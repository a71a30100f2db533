/* A wsl.exe for Wine that starts nothing: it writes down its arguments and the window it was told to have.
   One line a call to the file that WSL_LOG names, a tab between fields: the window state (-1: not told), then
   the arguments. */
#include <stdio.h>
#include <windows.h>

int wmain(int argc, wchar_t **argv) {
  STARTUPINFOW info = {.cb = sizeof info};
  wchar_t path[MAX_PATH];
  GetStartupInfoW(&info);
  if (!GetEnvironmentVariableW(L"WSL_LOG", path, MAX_PATH)) return 9;
  FILE *log = _wfopen(path, L"a");
  if (!log) return 9;
  fprintf(log, "%d", info.dwFlags & STARTF_USESHOWWINDOW ? info.wShowWindow : -1);
  for (int n = 1; n < argc; n++) fprintf(log, "\t%ls", argv[n]);
  fprintf(log, "\n");
  fclose(log);
  return 0;
}
