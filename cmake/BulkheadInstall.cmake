# SPDX-License-Identifier: Apache-2.0
# What is installed, and where; deb and rpm are made of this. Engines look for hooks and runtimes at fixed places, so that
# the prefix is only good for /usr.
include(GNUInstallDirs)

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_get_variable(systemd_units systemd systemdsystemunitdir)
endif()
if(NOT systemd_units)
  set(systemd_units "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")
endif()
set(BULKHEAD_UNIT_DIR "${systemd_units}" CACHE PATH "Where systemd looks for units")
set(zsh_dir zsh/site-functions)
if(EXISTS /etc/debian_version)
  set(zsh_dir zsh/vendor-completions)
endif()
set(BULKHEAD_ZSH_DIR "${CMAKE_INSTALL_DATADIR}/${zsh_dir}" CACHE PATH "Where zsh looks for completions")

set(hook_dir "${CMAKE_INSTALL_LIBEXECDIR}/oci/hooks.d")
install(TARGETS bulkhead bulkhead-runtime RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS bulkhead-hook RUNTIME DESTINATION "${hook_dir}")
# What `doctor --run` puts into its container.
install(TARGETS bulkhead-probe RUNTIME DESTINATION "${CMAKE_INSTALL_LIBEXECDIR}/bulkhead")
# By these names engines that tell runtimes apart by name call the shim.
set(shim_names "${CMAKE_BINARY_DIR}/shim-names")
file(MAKE_DIRECTORY "${shim_names}")
foreach(runtime crun runc)
  file(CREATE_LINK "../../bin/bulkhead-runtime" "${shim_names}/${runtime}" SYMBOLIC)
  install(FILES "${shim_names}/${runtime}" DESTINATION "${CMAKE_INSTALL_LIBEXECDIR}/bulkhead")
endforeach()
install(FILES config/hooks.d/50-bulkhead.json DESTINATION "${CMAKE_INSTALL_DATADIR}/containers/oci/hooks.d")

install(DIRECTORY config/ DESTINATION "${CMAKE_INSTALL_DATADIR}/bulkhead/schema" FILES_MATCHING PATTERN "*.schema.json"
  PATTERN hooks.d EXCLUDE PATTERN kubernetes EXCLUDE PATTERN grafana EXCLUDE
  PATTERN containerd EXCLUDE PATTERN crio EXCLUDE PATTERN docker EXCLUDE PATTERN podman EXCLUDE)
install(DIRECTORY config/ DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples"
  PATTERN "*.schema.json" EXCLUDE PATTERN 50-bulkhead.json EXCLUDE)
install(FILES README.md SECURITY.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")

file(GLOB units CONFIGURE_DEPENDS systemd/*.service systemd/*.timer)
install(FILES ${units} DESTINATION "${BULKHEAD_UNIT_DIR}")
install(FILES systemd/tmpfiles.d/bulkhead.conf DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/tmpfiles.d")

install(FILES packaging/completions/bulkhead.bash
  DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME bulkhead)
install(FILES packaging/completions/_bulkhead DESTINATION "${BULKHEAD_ZSH_DIR}")
install(FILES packaging/completions/bulkhead.fish DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")

# Manual pages, where there is scdoc.
find_program(SCDOC scdoc)
if(SCDOC)
  file(GLOB pages CONFIGURE_DEPENDS packaging/man/*.scd)
  foreach(source ${pages})
    get_filename_component(page "${source}" NAME_WLE)
    string(REGEX MATCH "[0-9]$" section "${page}")
    set(output "${CMAKE_BINARY_DIR}/man/${page}")
    # scdoc dates a page by SOURCE_DATE_EPOCH.
    add_custom_command(OUTPUT "${output}" DEPENDS "${source}"
      COMMAND sh -c "'${SCDOC}' <'${source}' >'${output}'" VERBATIM)
    list(APPEND outputs "${output}")
    install(FILES "${output}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
  endforeach()
  file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/man")
  add_custom_target(man ALL DEPENDS ${outputs})
endif()
